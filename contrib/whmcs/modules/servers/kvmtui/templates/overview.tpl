<div class="kvmtui">
    {if $vm}
        <table class="table table-striped">
            <tbody>
                {if $vm.name}
                    <tr><th scope="row">{$lang.name|escape}</th><td>{$vm.name|escape}</td></tr>
                {/if}
                <tr><th scope="row">{$lang.status|escape}</th><td>{$vm.state|escape}</td></tr>
                {foreach $vm.addresses as $ip}
                    <tr>
                        <th scope="row">{$lang.address|escape}</th>
                        <td>{$ip.address|escape}{if $ip.rdns} ({$ip.rdns|escape}){/if}</td>
                    </tr>
                {/foreach}
                <tr>
                    <th scope="row">{$lang.traffic|escape}</th>
                    <td>{$lang.in|escape}: {$vm.traffic_in|escape} GiB, {$lang.out|escape}: {$vm.traffic_out|escape} GiB</td>
                </tr>
            </tbody>
        </table>
        <a class="btn btn-primary" target="_blank" rel="noopener"
           href="clientarea.php?action=productdetails&amp;id={$serviceid|escape:'url'}&amp;dosinglesignon=1">{$lang.manage|escape}</a>
    {else}
        <p class="alert alert-warning">{$lang.unavailable|escape}</p>
    {/if}
</div>
